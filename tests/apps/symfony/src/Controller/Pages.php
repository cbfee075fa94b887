<?php

namespace App\Controller;

use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\BinaryFileResponse;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpFoundation\StreamedResponse;

class Pages extends AbstractController
{
    public function home(): Response
    {
        return $this->render('home.html.twig');
    }

    /** A page without a session, as small as one is: what is measured. */
    public function plain(Request $request): Response
    {
        return $this->render('plain.html.twig', ['title' => $request->query->get('title', 'none'), 'text' => 'a & b']);
    }

    /** And of some size. */
    public function page(Request $request): Response
    {
        $rows = [];
        for ($i = 1; $i <= 20; ++$i) {
            $rows[] = ['number' => $i, 'name' => "row & $i", 'price' => $i * 1.5];
        }

        return $this->render('page.html.twig', ['rows' => $rows, 'title' => $request->query->get('title', 'none')]);
    }

    public function api(Request $request, string $name): Response
    {
        return new JsonResponse(['hello' => $name, 'query' => $request->query->all()]);
    }

    public function away(): Response
    {
        return $this->redirectToRoute('api', ['name' => 'redirected']);
    }

    public function fail(): Response
    {
        throw new \DomainException('thrown by a controller');
    }

    public function leave(): Response
    {
        echo 'left by exit()';
        exit;
    }

    public function upload(Request $request): Response
    {
        $file = $request->files->get('file');
        $kept = $file->move($this->getParameter('kernel.project_dir').'/var', 'upload-'.sha1($file->getClientOriginalName()));

        return new JsonResponse(['name' => $file->getClientOriginalName(), 'sum' => sha1_file($kept), 'size' => $kept->getSize(),
            'fields' => $request->request->all()]);
    }

    public function download(): Response
    {
        return new BinaryFileResponse(__FILE__, 200, ['Content-Type' => 'application/x-php'], true, 'attachment');
    }

    public function streamed(): Response
    {
        return new StreamedResponse(static function (): void {
            for ($i = 0; $i < 5; ++$i) {
                echo str_repeat("$i", 1000), "\n";
                flush();
            }
        });
    }

    /** What a request can see of itself and of what others may have left. */
    public function state(Request $request): Response
    {
        return new JsonResponse([
            'method' => $request->getMethod(), 'query' => $request->query->all(), 'form' => $request->request->all(),
            'cookies' => array_keys($request->cookies->all()), 'agent' => $request->headers->get('User-Agent'), 'body' => sha1($request->getContent()),
            'locale' => $request->getLocale(), 'user' => $this->getUser()?->getUserIdentifier(), 'error' => error_get_last(),
            'layers' => ob_get_level(), 'session' => array_map('array_keys', $_SESSION ?? []), 'zone' => date_default_timezone_get(), 'folder' => basename(getcwd()),
            'headers' => preg_replace('/:.*/', '', headers_list()), 'limit' => ini_get('max_execution_time'), 'save_path' => basename(ini_get('session.save_path')),
        ]);
    }
}
