<?php

namespace App\Controller;

use App\Entity\Note;
use Doctrine\ORM\EntityManagerInterface;
use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\Form\Extension\Core\Type\SubmitType;
use Symfony\Component\Form\Extension\Core\Type\TextareaType;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Security\Http\Authentication\AuthenticationUtils;

/** What takes a session. */
class Visits extends AbstractController
{
    public function login(AuthenticationUtils $last): Response
    {
        return $this->render('login.html.twig', ['name' => $last->getLastUsername(), 'error' => $last->getLastAuthenticationError()]);
    }

    public function account(Request $request): Response
    {
        $visits = $request->getSession()->get('visits', 0) + 1;
        $request->getSession()->set('visits', $visits);

        return $this->render('account.html.twig', ['visits' => $visits]);
    }

    public function notes(Request $request, EntityManagerInterface $manager): Response
    {
        $note = new Note();
        $note->author = $this->getUser()->getUserIdentifier();
        $form = $this->createFormBuilder($note)->add('text', TextareaType::class)->add('save', SubmitType::class)->getForm();
        $form->handleRequest($request);
        if ($form->isSubmitted() && $form->isValid()) {
            $manager->persist($note);
            $manager->flush();
            $this->addFlash('notice', "saved: $note->text");

            return $this->redirectToRoute('notes');
        }

        return $this->render('notes.html.twig', ['form' => $form->createView(),
            'notes' => $manager->getRepository(Note::class)->findBy(['author' => $note->author], ['id' => 'ASC'])]);
    }
}
