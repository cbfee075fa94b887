<?php

namespace App;

use Symfony\Component\EventDispatcher\EventSubscriberInterface;
use Symfony\Component\HttpKernel\Event\TerminateEvent;

/** Notes each request whose kernel has been terminated: what applications do after the reply. */
class AtTheEnd implements EventSubscriberInterface
{
    public function __construct(private string $file)
    {
    }

    public static function getSubscribedEvents(): array
    {
        return [TerminateEvent::class => 'note'];
    }

    public function note(TerminateEvent $event): void
    {
        if (is_file($this->file)) {
            file_put_contents($this->file, $event->getRequest()->getPathInfo()."\n", FILE_APPEND);
        }
    }
}
